"""What an operator asks when something is odd, or before it is: does everything hold?"""
